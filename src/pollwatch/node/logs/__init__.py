"""Logs as several parties see them: ours published, theirs watched, witnesses asked, contradictions filed."""
