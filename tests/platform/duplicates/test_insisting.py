"""That one mutation may store a duplicate lets no other one of its document do so."""

from types import SimpleNamespace

from crm_api.kit.graphql.mutations import Insistent


async def test_insisting_ends_with_its_mutation(tx_of, org):
    info = SimpleNamespace(context=SimpleNamespace(tx=tx_of(org)))
    seen = []

    async def create(_source, info):
        seen.append(info.context.tx.allow_duplicates)

    await Insistent().resolve_async(create, None, info, allow_duplicates=True)
    assert (seen, info.context.tx.allow_duplicates) == ([True], False)
