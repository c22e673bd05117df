"""Models as files for other runtimes than Keras: written, kept, checked and run."""
