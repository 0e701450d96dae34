"""The stage: everything simulated, and the real binaries it stands on. The product never imports it."""
