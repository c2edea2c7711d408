"""What follows: block lists, abuse reports, takedown requests, what is handed to prosecutors and diplomats."""
