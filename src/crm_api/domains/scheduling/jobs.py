"""What becomes of bookings in the background: holds that have expired are told of."""

from crm_api.domains.scheduling.actions import expire
from crm_api.domains.scheduling.service import BookingService
from crm_api.kit.crud.due import moving

expire_holds = moving("crm_bookings_due", BookingService, expire)
