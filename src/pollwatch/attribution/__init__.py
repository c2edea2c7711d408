"""Who did it: signed claims, the opinions and denials that travel with them. Light: a rival audits this."""
