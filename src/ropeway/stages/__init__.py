"""What we do: one plain function a stage. All that it changes outside goes through an effect."""
