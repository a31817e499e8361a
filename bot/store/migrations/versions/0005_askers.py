"""Who asked the questions in the clinic's own answers, so that their words can go with them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("own_answers", sa.Column("asked_by", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Drop what `upgrade` made."""
    op.drop_column("own_answers", "asked_by")
