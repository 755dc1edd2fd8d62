"""One bound list in place of a parameter for each text: the same rows, found by the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import String, and_, bindparam, create_engine, not_, select
from sqlalchemy.exc import StatementError

from acl.models import AclContentRow
from acl.one_of import OneOf

if TYPE_CHECKING:
    from acl.orm import Database

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
ACL = AclContentRow.acl_id.expression
NEVER = select(ACL).where(OneOf(ACL, "texts"))


def test_it_holds_for_the_texts_of_the_list_and_no_other(catalogue: Database) -> None:
    word = bindparam("word", type_=String)
    asked = select(OneOf(word, "texts"), not_(OneOf(word, "texts")))

    with catalogue.reader.connect() as connection:

        @given(word=WORDS, texts=st.lists(WORDS, max_size=4), among=st.booleans())
        def holds(word: str, texts: list[str], *, among: bool) -> None:
            texts = [*texts, word] if among else texts
            row = connection.execute(asked, {"word": word, "texts": texts}).one()
            assert tuple(row) == (word in texts, word not in texts)

        holds()


def test_no_list_is_an_error_and_never_every_row(catalogue: Database) -> None:
    with catalogue.reader.connect() as connection:
        for values in ({}, {"texts": None}):
            with pytest.raises(StatementError):
                connection.execute(NEVER, values)
        assert connection.execute(NEVER, {"texts": []}).all() == []


def test_sqlite_looks_the_rows_up_by_its_index() -> None:
    engine = create_engine("sqlite://")
    AclContentRow.metadata.create_all(engine, [AclContentRow.metadata.tables["acl_content"]])
    of_tenant = and_(AclContentRow.tenant == bindparam("of"), OneOf(ACL, "texts"))
    statement = str(select(AclContentRow.source).where(of_tenant).compile(engine))
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("bank", '["a"]'))
        assert "(tenant=? AND acl_id=?)" in plan.all()[0].detail
    engine.dispose()
