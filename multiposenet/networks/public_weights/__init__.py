"""Others' published weights: files of their frameworks, and which weight goes where."""
