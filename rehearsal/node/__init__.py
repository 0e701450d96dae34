"""The simulated machines: small kubelets that run pods as processes of this machine."""
