"""The peers, one file each: the same getHistory over the same store file, as its usual author would
have written it. None of them writes."""
