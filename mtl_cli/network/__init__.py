"""The Keras model of a configuration, its predictions and pretrained vectors."""
