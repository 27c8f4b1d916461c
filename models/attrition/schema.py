"""The typed contract of the attrition model: one employee in, one probability out."""

from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

Department = Literal[
    "IT",
    "RandD",
    "accounting",
    "hr",
    "management",
    "marketing",
    "product_mng",
    "sales",
    "support",
    "technical",
]
Salary = Literal["low", "medium", "high"]

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Flag = Annotated[int, Field(ge=0, le=1)]


class Employee(BaseModel):
    """One employee, as the personnel records describe them.

    Values are taken as they are: a number sent as a string is refused, as are unknown fields.
    Three fields also answer to the public data set's own spelling.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "satisfaction_level": 0.38,
                    "last_evaluation": 0.53,
                    "number_project": 2,
                    "average_monthly_hours": 157,
                    "time_spend_company": 3,
                    "work_accident": 0,
                    "promotion_last_5years": 0,
                    "department": "sales",
                    "salary": "low",
                }
            ]
        },
    )

    satisfaction_level: Share = Field(
        description="Self-reported satisfaction, from 0 (none) to 1 (full)."
    )
    last_evaluation: Share = Field(description="Score of the last evaluation, from 0 to 1.")
    number_project: int = Field(ge=0, le=50, description="Projects assigned to the employee.")
    average_monthly_hours: int = Field(
        ge=0,
        le=744,
        description="Hours worked in an average month; 744 is every hour of a 31-day month.",
        validation_alias=AliasChoices("average_monthly_hours", "average_montly_hours"),
    )
    time_spend_company: int = Field(ge=0, le=60, description="Years with the company.")
    work_accident: Flag = Field(
        description="1 if the employee had an accident at work, else 0.",
        validation_alias=AliasChoices("work_accident", "Work_accident"),
    )
    promotion_last_5years: Flag = Field(
        description="1 if the employee was promoted in the last five years, else 0."
    )
    department: Department = Field(
        description="Department the employee works in.",
        validation_alias=AliasChoices("department", "sales"),
    )
    salary: Salary = Field(description="Salary band.")


class Attrition(BaseModel):
    """The judgement on one employee."""

    model_config = ConfigDict(frozen=True)

    probability: float = Field(ge=0, le=1, description="Probability that the employee leaves.")
    leaves: bool = Field(description="Whether the probability reaches the model's threshold.")


class Contribution(BaseModel):
    """What one feature adds to the raw score of one employee."""

    model_config = ConfigDict(frozen=True)

    feature: str = Field(description="Feature name.")
    value: int | float | str = Field(description="The employee's value of this feature.")
    contribution: float = Field(description="SHAP value, in log-odds; positive: towards leaving.")


class AttritionExplanation(BaseModel):
    """Why one employee got their probability.

    `base_value` plus all contributions, added in the order given, is exactly `raw_score`, the
    log-odds of `probability`.
    """

    model_config = ConfigDict(frozen=True)

    probability: float = Field(ge=0, le=1, description="Probability that the employee leaves.")
    base_value: float = Field(description="Log-odds before any feature is known.")
    raw_score: float = Field(description="Log-odds of the probability.")
    contributions: list[Contribution] = Field(
        description="One per feature, largest absolute contribution first."
    )
