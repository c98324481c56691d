"""What a release is made with: `python -m release.audit` looks at what we depend on,
`python -m release.dist` makes the sdist and the wheel, `python -m release.check` tries them."""
