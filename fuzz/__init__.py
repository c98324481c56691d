"""Coverage-guided fuzzing, by atheris: `python -m fuzz`.

A target (targets/) checks properties that hold for any input. Inputs worth keeping are in corpus/,
a file for each target; tests/project/test_fuzz.py runs them without atheris.
"""
