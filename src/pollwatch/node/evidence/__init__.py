"""The rail under all stations: a case's keys, its two logs, its seals, and what is proven from them."""
