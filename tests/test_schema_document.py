"""docs/schema.md is the database as it is: whatever the catalog holds is told there, and nothing else.

The catalog is rendered as the document's own bullets, so what a migration adds is told by this
test's failure, ready to be pasted; only the words behind a bullet's fact are people's to write.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import asyncpg
from test_schema import CASTS, WORDS, plain

from hub.settings import Settings

Connection = asyncpg.Connection
#: Facts by table and heading; a fact is a bullet up to its " - ".
Facts = dict[str, dict[str, list[str]]]

TOP = Path(__file__).parents[1]
DOCUMENT = (TOP / "docs" / "schema.md").read_text()
#: A recorded table has these four triggers, hub_insert and so on, told as one.
RECORDED = {"INSERT": "ROW", "UPDATE": "ROW", "DELETE": "ROW", "TRUNCATE": "STATEMENT"}
HEADINGS = ("Columns", "Indexes", "Constraints", "Triggers")

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid, true),
       'p' = ANY (alone.kinds), 'u' = ANY (alone.kinds),
       (SELECT confrelid::regclass || '.' || (
               SELECT attname FROM pg_attribute WHERE attrelid = confrelid AND attnum = confkey[1])
          FROM pg_constraint WHERE conrelid = c.oid AND contype = 'f' AND conkey = ARRAY[a.attnum])
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
 CROSS JOIN LATERAL (SELECT coalesce(array_agg(contype), '{}') AS kinds FROM pg_constraint
                      WHERE conrelid = c.oid AND conkey = ARRAY[a.attnum]) AS alone
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
 ORDER BY c.relname, a.attnum
"""
INDEXES = """
SELECT c.relname, i.relname, x.indisprimary, x.indisunique, x.indnkeyatts, x.indpred IS NOT NULL,
       regexp_replace(pg_get_indexdef(i.oid, 0, true), '^.* USING btree ', '')
  FROM pg_index AS x JOIN pg_class AS c ON c.oid = x.indrelid JOIN pg_class AS i ON i.oid = x.indexrelid
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT x.indisexclusion
 ORDER BY i.relname
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid, true)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'x') ORDER BY conname
"""
TRIGGERS = r"""
SELECT tgrelid::regclass::text, tgname,
       regexp_replace(pg_get_triggerdef(oid, true),
                      '^CREATE (?:CONSTRAINT )?TRIGGER \S+ (.*?) ON \w+ ', '\1 ')
       || CASE tgenabled WHEN 'O' THEN '' WHEN 'A' THEN ' ALWAYS' ELSE ' OFF' END
  FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname
"""
FUNCTIONS = """
SELECT proname || '(' || pg_get_function_arguments(oid) || ')' FROM pg_proc AS p
 WHERE pronamespace = 'public'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e') ORDER BY 1
"""
#: Whatever else could be made and would need a heading of its own.
OTHERS = """
SELECT relkind::text || ' ' || relname FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'i')
UNION ALL
SELECT 'type ' || typname FROM pg_type AS t WHERE typnamespace = 'public'::regnamespace
   AND typtype IN ('d', 'e', 'r') AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = t.oid AND deptype = 'e')
UNION ALL
SELECT 'action of ' || conname FROM pg_constraint
 WHERE contype = 'f' AND (confdeltype <> 'c' OR cardinality(conkey) > 1)
"""


def bullets(text: str) -> list[str]:
    """The facts of a list: each bullet without the words behind " - "."""
    return [
        re.split(r"(?<=[`)]) - ", line[2:], maxsplit=1)[0].removesuffix(" *(hub)*")
        for line in text.splitlines()
        if line.startswith("- ")
    ]


def section(title: str, level: int = 2) -> str:
    """What stands under a heading, up to the next of its level or above."""
    found = re.search(
        rf"^#{{{level}}} {re.escape(title)}\n(.*?)(?=^#{{1,{level}}} |\Z)",
        DOCUMENT,
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None, f"docs/schema.md has no {title}"
    return found[1]


def told() -> Facts:
    """The facts of docs/schema.md."""
    found: Facts = {}
    for title in ("Tables", "Tables of the hub"):
        for block in section(title).split("\n### ")[1:]:
            table, _, rest = block.partition("\n")
            found[table] = {heading: [] for heading in HEADINGS}
            for heading, text in re.findall(r"^\*\*(\w+):\*\*\n((?:- .*\n)*)", rest, re.MULTILINE):
                if heading in HEADINGS:
                    found[table][heading] = bullets(text)
    return found


async def held(conn: Connection) -> Facts:
    """The facts of the catalog, in the document's form."""
    found: defaultdict[str, dict[str, list[str]]] = defaultdict(
        lambda: {heading: [] for heading in HEADINGS}
    )
    for table, name, kind, not_null, default, primary, unique, target in await conn.fetch(COLUMNS):
        for theirs, ours in WORDS:
            kind = re.sub(theirs, ours, kind)
        said = [kind if kind[0].isupper() else kind.upper()]
        said += ["PRIMARY KEY"] * primary + ["UNIQUE"] * unique
        said += ["NOT NULL"] * (not_null and not primary)
        said += [f"DEFAULT {CASTS.sub('', default)}"] if default else []
        said += [f"FOREIGN KEY → {target}"] if target else []
        found[table]["Columns"].append(f"`{name}` ({', '.join(said)})")
    for table, name, primary, unique, keys, partial, definition in await conn.fetch(INDEXES):
        what, _, where = _readable(definition).partition(" WHERE ")
        on = f"`{what[1:-1] if keys == 1 else what}`" + (f" WHERE `{where}`" if where else "")
        kind = "Partial index" if partial else "Composite index" if keys > 1 else "Index"
        kind = "Primary key" if primary else "Unique index" if unique else kind
        found[table]["Indexes"].append(f"{kind} on {on}" if primary else f"{kind} `{name}` on {on}")
    for table, name, definition in await conn.fetch(CONSTRAINTS):
        found[table]["Constraints"].append(f"`{name}`: `{_readable(definition)}`")
    triggers: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for table, name, definition in await conn.fetch(TRIGGERS):
        triggers[table][name] = definition
    for table, all_of_it in triggers.items():
        found[table]["Triggers"] = [f"`{name}`: `{said}`" for name, said in _joined(all_of_it)]
    return dict(found)


def _joined(triggers: dict[str, str]) -> list[tuple[str, str]]:
    """A table's triggers, with the recording of all its changes as one."""
    calls = {
        re.sub(rf"^AFTER {op} FOR EACH {what} EXECUTE ", "", triggers.get(f"hub_{op.lower()}", op))
        for op, what in RECORDED.items()
    }
    rest = {f"hub_{op.lower()}" for op in RECORDED} if len(calls) == 1 else set()
    joined = [("hub_insert … hub_truncate", f"AFTER EACH EXECUTE {call}") for call in calls if rest]
    return [*((name, said) for name, said in triggers.items() if name not in rest), *joined]


def _readable(definition: str) -> str:
    """A definition without casts, and with IN where PostgreSQL has = ANY (ARRAY…)."""
    text = re.sub(r"= ANY \(ARRAY\[(.*?)\]\)", r"IN (\1)", CASTS.sub("", definition))
    return re.sub(r"'(-?\d+)'", r"\1", text)


def _same(fact: str) -> str:
    return re.sub(r"\s+", " ", plain(fact).replace("`", ""))


async def test_every_table_is_told_as_it_is(conn: Connection) -> None:
    ours, theirs = told(), await held(conn)
    assert set(ours) == set(theirs)
    amiss = []
    for table, headings in theirs.items():
        for heading, facts in headings.items():
            here = [_same(fact) for fact in ours[table][heading]]
            there = [_same(fact) for fact in facts]
            assert len(here) == len(set(here)), f"{table}, {heading}: a bullet stands twice"
            amiss += [
                f"{table}, {heading}: add    - {fact} - …"
                for fact in facts
                if _same(fact) not in here
            ]
            amiss += [
                f"{table}, {heading}: remove - {fact}"
                for fact in ours[table][heading]
                if _same(fact) not in there
            ]
            if heading == "Columns" and not amiss:
                assert here == there, f"{table}'s columns stand in another order"
    assert not amiss, "\n" + "\n".join(amiss)


async def test_there_is_nothing_else_in_the_database(conn: Connection) -> None:
    functions = [row[0] for row in await conn.fetch(FUNCTIONS)]
    assert bullets(section("Functions")) == [f"`{function}`" for function in functions]
    assert [row[0] for row in await conn.fetch(OTHERS)] == []


async def test_its_queries_run(conn: Connection) -> None:
    blocks = re.findall(r"^```sql\n(.*?)^```", section("Query Examples"), re.MULTILINE | re.DOTALL)
    statements = [one for block in blocks for one in block.split(";") if one.strip()]
    assert len(statements) > 5
    for statement in statements:
        await conn.prepare(statement)


async def test_named_indexes_are_there(conn: Connection) -> None:
    names = set(re.findall(r"`(idx_\w+)`", DOCUMENT))
    there = await conn.fetch("SELECT relname FROM pg_class WHERE relkind = 'i'")
    assert names <= {row[0] for row in there}


def test_its_lists_of_files_are_the_folders() -> None:
    for title, folder in (("Migrations", TOP / "sql" / "migrations"), ("Seed Data", TOP / "seeds")):
        names = re.findall(r"^(?:\d+\.|-) `([\w.]+\.sql)`", section(title), re.MULTILINE)
        assert names == sorted((path.name for path in folder.glob("*.sql")), key=str.encode)


def test_its_environment_is_the_settings() -> None:
    names = re.findall(r"^- `(DATABASE_\w+)`", section("Database Connection"), re.MULTILINE)
    assert {name.lower() for name in names} == {
        name for name in Settings.model_fields if name.startswith("database_")
    }
