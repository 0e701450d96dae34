"""The stand-in for Pulumi's kubernetes provider, in front of the real API server."""
