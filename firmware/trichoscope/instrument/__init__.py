"""What has wires: cameras, panel, screen, health."""
