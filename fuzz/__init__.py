"""Coverage-guided fuzzing, by atheris: `python -m fuzz`.

A target (targets/) says what has to be true of any octets. What was found worth trying is kept in
corpus/, a file for each target; tests/project/test_fuzz.py tries all of that without atheris.
"""
