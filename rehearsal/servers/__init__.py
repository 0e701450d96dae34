"""The real servers and tools of a World: where their binaries come from, and how each is started and stopped."""
