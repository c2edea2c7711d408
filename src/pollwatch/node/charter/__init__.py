"""Who is in the joint watch: enrolment, charters and their changes, stages, leaving, and where it all lies."""
