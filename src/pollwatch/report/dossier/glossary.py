"""Chapter: words that have one meaning here."""

from __future__ import annotations

from pollwatch.i18n import _
from pollwatch.report.dossier.blocks import Chapter, Facts


def chapter() -> Chapter:
    """For readers who have not seen such a paper before."""
    rows = (
        (_("Bloc"), _("Members that would side with one another. Several members of one bloc are one voice.")),
        (_("Charter"), _("What the members of the joint watch agreed on, signed by all.")),
        (_("Checkpoint"), _("A signed statement of everything that a log holds, by its size and root hash.")),
        (_("Claim"), _("One member's signed word about who acted, or that this is not known.")),
        (_("Confidence"), _("How good evidence and reasoning are. It is not how probable something is.")),
        (_("Cosigned"), _("Another member has checked that a log only grew, and signed its checkpoint too.")),
        (_("Denial"), _("The word of a member that a claim names, that it was not so. It travels with the claim.")),
        (_("Dissent"), _("A member's disagreement with a statement; it travels with the statement.")),
        (_("False flag"), _("Something done so that it looks like somebody else's doing.")),
        (_("Leaf hash"), _("The fingerprint of one entry of a log.")),
        (_("Likelihood"), _("How probable a claim is, in the seven bands of ICD 203.")),
        (_("Receipt"), _("The receiver's own signature that it has something.")),
        (_("Respondent"), _("The member that a claim names.")),
        (_("Statement"), _("What several members say together, signed word for word.")),
        (_("TLP"), _("Traffic Light Protocol 2.0: who may be told.")),
    )
    return Chapter("glossary", _("Words used here"), (Facts(rows),))
