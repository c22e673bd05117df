"""Keras models and layers, one idea a file. Everything here uses ``keras.ops`` only."""
