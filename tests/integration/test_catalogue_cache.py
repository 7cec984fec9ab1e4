"""The catalogue that workers remember."""

import asyncpg

from worker.runtime.catalogue import CatalogueCache

KIT = """
insert into inventory_item (inventory_item_id, known) values ('thread', true), ('zip', true);
insert into variant (variant_id, known, content_hash) values ('kit', true, substr(sha256('x'), 1, 16));
insert into recipe (variant_no) values (1);
insert into recipe_part (recipe_no, item_no, required) values (1, 1, 1), (1, 2, 2);
update variant set recipe_no = 1;
"""


async def test_a_variant_named_twice_by_a_batch_has_its_parts_once(database_url: str) -> None:
    """A cart and an order of one batch may both name it, before anything is remembered."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(KIT)
        cache = CatalogueCache()
        await cache.know(connection, ["kit", "kit"], [], [])
        recipe = cache.view(["kit"], [], []).variants["kit"].recipe
    finally:
        await connection.close()
    assert recipe is not None
    assert [(part.item.inventory_item_id, part.required) for part in recipe.parts] == [
        ("thread", 1),
        ("zip", 2),
    ]
