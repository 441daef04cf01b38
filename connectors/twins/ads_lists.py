"""Customer lists of the Ads API: the same lists that Data Manager knows, made by one mutation at a time."""

from collections.abc import Callable
from functools import partial

from google.ads.googleads.v26.services.types import user_list_service

from passerelle.connectors.twins.ads_errors import AdsRefusal
from passerelle.connectors.twins.faults import Fault
from passerelle.connectors.twins.messages import Message
from passerelle.connectors.twins.world import Audience, World

CONTACT_INFO = 2
LONGEST_DAYS = 540
CHANGEABLE = {"name", "description", "membership_life_span"}


class AdsLists:
    """Makes and changes lists. Raises `AdsRefusal`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def mutate(self, request: Message, _fault: Fault | None) -> Message:
        """Create or update lists; the twin removes none."""
        account = request.customer_id
        if not request.operations:
            raise AdsRefusal("request_error", "REQUIRED_FIELD_MISSING", "No operation.")
        steps = [self._step(account, operation) for operation in request.operations]
        response = user_list_service.MutateUserListsResponse.pb()()
        for carry_out in [] if request.validate_only else steps:
            response.results.add(resource_name=f"customers/{account}/userLists/{carry_out()}")
        return response

    def _step(self, account: str, operation: Message) -> Callable[[], str]:
        match operation.WhichOneof("operation"):
            case "create":
                return partial(self._create, account, self._checked(account, operation.create))
            case "update":
                return partial(self._update, self._held(account, operation), operation)
        raise AdsRefusal("user_list_error", "USER_LIST_MUTATE_NOT_SUPPORTED", "The twin removes no lists.")

    def _create(self, account: str, wanted: Message) -> str:
        identity = f"{8_000_000_000 + self._world.serial()}"
        made = self._world.create("google_ads", identity, account, wanted.name, wanted.description)
        made.settings = {"membership_days": wanted.membership_life_span or LONGEST_DAYS}
        return identity

    def _held(self, account: str, operation: Message) -> Audience:
        wanted, paths = operation.update, set(operation.update_mask.paths)
        if not paths or paths - CHANGEABLE:
            raise AdsRefusal("field_mask_error", "FIELD_NOT_FOUND", "Not to be changed.")
        audience = self._world.audiences.get(wanted.resource_name.rpartition("/userLists/")[2])
        if audience is None or (audience.platform, audience.account) != ("google_ads", account):
            raise AdsRefusal("user_list_error", "INVALID_USER_LIST", "There is no such list.")
        self._check(account, wanted, apart=audience if "name" in paths else None, named="name" in paths)
        return audience

    def _update(self, audience: Audience, operation: Message) -> str:
        wanted, paths = operation.update, set(operation.update_mask.paths)
        audience.name = wanted.name if "name" in paths else audience.name
        audience.description = wanted.description if "description" in paths else audience.description
        if "membership_life_span" in paths:
            audience.settings["membership_days"] = wanted.membership_life_span
        return audience.id

    def _checked(self, account: str, wanted: Message) -> Message:
        if wanted.WhichOneof("user_list") != "crm_based_user_list":
            raise AdsRefusal("user_list_error", "CONCRETE_TYPE_REQUIRED", "A list of customers is needed.")
        if wanted.crm_based_user_list.upload_key_type != CONTACT_INFO:
            raise AdsRefusal("user_list_error", "INVALID_TYPE", "The twin keeps contact lists.")
        self._check(account, wanted)
        return wanted

    def _check(self, account: str, wanted: Message, *, apart: Audience | None = None, named: bool = True) -> None:
        """Its name is one, and no other list's; its days are not too many. `apart` is the list itself."""
        if named and not wanted.name:
            raise AdsRefusal("user_list_error", "INVALID_NAME", "A name is needed.")
        if wanted.membership_life_span > LONGEST_DAYS:
            raise AdsRefusal("range_error", "TOO_HIGH", "540 days at most.")
        others = (one for one in self._world.audiences.values() if one is not apart)
        ours = [one for one in others if (one.platform, one.account) == ("google_ads", account)]
        if named and any(one.name == wanted.name for one in ours):
            raise AdsRefusal("user_list_error", "NAME_ALREADY_USED", "The name is already used.")
