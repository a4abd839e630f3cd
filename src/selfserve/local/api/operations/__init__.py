"""The operations of EMR that this machine answers, by what they are about."""
