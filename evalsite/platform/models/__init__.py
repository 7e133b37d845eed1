from evalsite.platform.models.api_call import ApiCall
from evalsite.platform.models.api_token import ApiToken
from evalsite.platform.models.audit_entry import AuditEntry
from evalsite.platform.models.invitation import Invitation
from evalsite.platform.models.job import Job
from evalsite.platform.models.sweep import Sweep
from evalsite.platform.models.user import Role, User

__all__ = ["ApiCall", "ApiToken", "AuditEntry", "Invitation", "Job", "Role", "Sweep", "User"]
