"""An EMR step becomes a command on this machine, and its logs land where EMR puts them."""
