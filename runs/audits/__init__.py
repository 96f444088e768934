"""What an audit checks, one idea a module."""
