"""The stories: each flow is told in the order it happens, one flow a file."""
