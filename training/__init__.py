"""What runs inside a pod. It knows nothing of what runs around it."""
