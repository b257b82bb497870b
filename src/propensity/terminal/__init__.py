"""What people see in the terminal: tables and sentences of each result, and the command line's shared options."""
