"""The things: Pulumi programs and the one place that drives the engine."""
