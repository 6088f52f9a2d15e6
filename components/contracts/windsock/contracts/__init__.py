"""What every part of Windsock agrees on. Standard library only: every environment can import it."""
