"""The two models the sample plugins must equal, as a Pydantic user would write them."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class FinancialTransaction(BaseModel):
    transaction_id: str
    timestamp: datetime
    account_id: str
    amount: Amount
    currency: Annotated[str, Field(max_length=3)]
    transaction_type: str
    merchant_id: str | None = None
    category: str | None = None


class InsuranceClaim(BaseModel):
    claim_id: str
    timestamp: datetime
    policy_number: str
    claim_amount: Amount
    claim_type: str
    claim_status: str
    customer_id: str
    incident_date: datetime


MODELS = {"financial": FinancialTransaction, "insurance": InsuranceClaim}
