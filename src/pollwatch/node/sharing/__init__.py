"""What goes to other members and comes from them: released, told, collected, heard, taken back."""
