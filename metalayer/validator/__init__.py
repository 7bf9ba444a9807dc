"""A validator: its process, what it judges true, what it ever signed."""
