"""From a configuration to a Keras model."""
