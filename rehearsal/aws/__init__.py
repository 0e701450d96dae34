"""The simulated AWS account, and the stand-in for Pulumi's provider before it."""
