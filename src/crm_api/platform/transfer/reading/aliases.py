"""The names that other systems and languages give to the fields of records.

The names are those of HubSpot's and Salesforce's exports and reports, of the FEBRL data sets, and
of usual German, French, Spanish and Russian lists. A field's first alias is its strongest.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from crm_api.platform.transfer.reading.mapping import FieldHint, FieldKind


def hint(
    label: str, aliases: str, kind: FieldKind = "text", *, multiple: bool = False
) -> FieldHint:
    """A field by its label and its other names, between `|` or line ends."""
    names = tuple(name.strip() for name in aliases.replace("\n", "|").split("|"))
    return FieldHint(label, tuple(name for name in names if name), kind, multiple)


_STREET: Final = """
    Address | Street Address | Mailing Street | Mailing Address Line 1 | Mailing Address Line 2
    Mailing Address Line 3 | Street | Address Line 1 | Address Line 2 | Billing Street
    Billing Address Line 1 | Billing Address Line 2 | Other Street | address_1 | address_2
    street_number | House Number | Strasse | Straße und Hausnummer | Hausnummer | Adresse
    Anschrift | Rue | Adresse postale | Dirección | Calle | Адрес | Улица | Дом
"""
_CITY: Final = """
    City | Mailing City | Billing City | Town | Suburb | Ort | Stadt | Wohnort | Ville | Ciudad
    Localidad | Город | Населенный пункт
"""
_REGION: Final = """
    State/Region | State | Region | State/Province | Mailing State/Province | Mailing State
    Billing State/Province | Billing State | Province | County | Bundesland | Kanton | Région
    Département (région) | Provincia | Estado | Регион | Область | Край
    Mailing State/Province (text only) | State/Province (text only)
"""
_POSTAL_CODE: Final = """
    Postal Code | Zip | Zip Code | Postcode | Zip/Postal Code | Mailing Zip/Postal Code
    Mailing Postal Code | Billing Zip/Postal Code | Billing Postal Code | PLZ | Postleitzahl
    Code postal | CP | Código postal | Индекс | Почтовый индекс
"""
_COUNTRY: Final = """
    Country/Region | Country | Mailing Country | Billing Country | Country Code
    Mailing Country Code | Mailing Country (text only) | Country/Region Code | Land | Staat | Pays
    País | Страна
"""
EXTERNAL_ID: Final = """
    Record ID | External ID | 18 digit id | Case Safe ID | Id | ID | Record ID - Contact
    rec_id | Customer Number | Customer ID | Client ID | Kundennummer | Kunden-Nr.
    Numéro client | Número de cliente | Код | Номер клиента | Hs Object ID
"""
TAGS: Final = """
    Tags | Tag | Labels | Label | Categories | Groups | Schlagworte | Étiquettes | Etiquetas
    Теги | Метки
"""
DESCRIPTION: Final = """
    Description | Notes | Note | Comment | Comments | Bemerkung | Bemerkungen | Notizen
    Beschreibung | Remarques | Commentaire | Commentaires | Notas | Descripción | Comentarios
    Описание | Комментарий | Примечание | Заметки
"""
SOURCE: Final = """
    Lead Source | Source | Original Source | Original Traffic Source | Origin | Quelle
    Herkunft | Provenance | Origine | Origen | Fuente | Источник
"""
_CREATED: Final = """
    Create Date | Created At | Created Date | Created | Date Created | Creation Date
    Erstellt am | Erstelldatum | Date de création | Fecha de creación | Дата создания
    Создан
"""
_LIFECYCLE: Final = """
    Lifecycle Stage | Lifecycle | Stage | Lead Status | Status | Lead Stage | Phase | Statut
    Estado del lead | Etapa | Статус | Стадия
"""
_OWNER: Final = """
    Contact owner | Owner Email | Owner | Company owner | Lead Owner | Account Owner | OwnerId
    HubSpot Owner | Assigned To | Contact Owner: Email | Zuständig | Betreuer | Responsable
    Propriétaire | Propietario | Ответственный | Менеджер
"""
_INDUSTRY: Final = """
    Industry | Sector | Branche | Secteur | Secteur d'activité | Sector de actividad | Отрасль
    Сфера деятельности
"""
_EMPLOYEES: Final = """
    Number of Employees | No. of Employees | Employees | NumberOfEmployees | Company Size
    Headcount | Mitarbeiter | Mitarbeiterzahl | Anzahl Mitarbeiter | Effectif
    Nombre d'employés | Empleados | Número de empleados | Сотрудники
    Количество сотрудников | Число сотрудников
"""
_REVENUE: Final = """
    Annual Revenue | Revenue | Turnover | AnnualRevenue | Umsatz | Jahresumsatz
    Chiffre d'affaires | Facturación | Ingresos anuales | Выручка | Годовая выручка | Оборот
"""
_CURRENCY: Final = """
    Annual Revenue Currency | Account Currency | Company Currency | Currency ISO Code
    Währung (Umsatz)
"""
_WEBSITE: Final = """
    Website URL | Website | Web Site | Web | URL | Homepage | Company Website | Webseite
    Internetseite | Site web | Site Internet | Sitio web | Página web | Сайт | Веб-сайт
"""
_DOMAIN: Final = """
    Company Domain Name | Company Domain | Domain | Domain Name | Email Domain | Domaine
    Dominio | Домен
"""
_EMAIL: Final = """
    Email | E-mail | Email Address | E-mail Address | Mail | Work Email | Personal Email
    Primary Email | Secondary Email | Additional Email | Additional email addresses | Other Email
    E-Mail-Adresse | Mailadresse | Courriel | Adresse e-mail | Adresse mail | Correo
    Correo electrónico | Почта | Эл. почта | Электронная почта | Имейл | Адрес почты
"""
_PHONE: Final = """
    Phone Number | Phone | Telephone | Tel | Business Phone | Work Phone | Home Phone
    Other Phone | Direct Phone | Direct Dial | Office Phone | Assistant Phone | Asst. Phone
    Telefon | Telefonnummer | Rufnummer | Telefon geschäftlich | Telefon privat | Téléphone
    Téléphone fixe | Teléfono | Número de teléfono | Телефон | Номер телефона
    Рабочий телефон | Домашний телефон
"""


def _address() -> dict[str, FieldHint]:
    return {
        "address.street": hint("Street", _STREET, multiple=True),
        "address.city": hint("City", _CITY),
        "address.region": hint("Region", _REGION),
        "address.postal_code": hint("Postal code", _POSTAL_CODE),
        "address.country": hint("Country", _COUNTRY, "country"),
    }


CONTACT_FIELDS: Final[Mapping[str, FieldHint]] = MappingProxyType(
    {
        "first_name": hint(
            "First name",
            """First Name | Given Name | Forename | Vorname | Rufname | Prénom | Nombre
        Nombre de pila | Имя""",
        ),
        "middle_name": hint(
            "Middle name",
            "Middle Name | Second Name | Zweiter Vorname | Deuxième prénom | Segundo nombre | Отчество",
        ),
        "last_name": hint(
            "Last name",
            """Last Name | Surname | Family Name | Nachname | Familienname | Nom | Nom de famille
        Apellidos | Apellido | Фамилия""",
        ),
        "name": hint(
            "Full name",
            """Full Name | Name | Contact Name | Contact | Lead Name | Person | Display Name
        Vollständiger Name | Ansprechpartner | Nom complet | Nombre completo | ФИО
        Полное имя | Контакт | Контактное лицо""",
        ),
        "salutation": hint(
            "Salutation",
            "Salutation | Honorific | Prefix | Anrede | Civilité | Tratamiento | Обращение",
        ),
        "title": hint(
            "Job title",
            """Job Title | Title | Position | Job | Role | Funktion | Stelle | Berufsbezeichnung
        Fonction | Poste | Cargo | Puesto | Должность""",
        ),
        "department": hint(
            "Department",
            "Department | Abteilung | Service | Département | Departamento | Отдел | Подразделение",
        ),
        "email": hint("E-mail", _EMAIL, "email", multiple=True),
        "phone": hint("Phone", _PHONE, "phone", multiple=True),
        "phone:mobile": hint(
            "Mobile phone",
            """Mobile Phone Number | Mobile | Mobile Phone | Mobile Number | Cell | Cell Phone
        Handy | Handynummer | Mobil | Mobiltelefon | Mobilnummer | Portable
        Téléphone portable | Téléphone mobile | Móvil | Celular | Teléfono móvil | Мобильный
        Мобильный телефон | Сотовый""",
            "phone",
            multiple=True,
        ),
        "birth_date": hint(
            "Date of birth",
            """Date of birth | Birthdate | Birth Date | Birthday | DOB | Geburtsdatum | Geburtstag
        Date de naissance | Fecha de nacimiento | Дата рождения | День рождения""",
            "date",
        ),
        "language": hint(
            "Language",
            """Preferred language | Language | Languages | Locale | Sprache | Langue | Idioma | Язык""",
            "language",
        ),
        "time_zone": hint(
            "Time zone",
            "Time Zone | Timezone | TimeZoneSidKey | Zeitzone | Fuseau horaire | Zona horaria"
            "| Часовой пояс",
        ),
        "lifecycle": hint("Lifecycle", _LIFECYCLE),
        "owner_email": hint("Owner", _OWNER, "email"),
        "company.name": hint(
            "Company",
            """Company Name | Account Name | Company | Account | Associated Company
        Primary Associated Company | Organization | Organisation | Employer | Firma | Unternehmen
        Firmenname | Société | Entreprise | Nom de la société | Raison sociale | Empresa | Compañía
        Компания | Организация | Название компании""",
        ),
        "company.domain": hint("Company domain", _DOMAIN, "domain"),
        "company.website": hint("Company website", _WEBSITE, "url"),
        "company.phone": hint(
            "Company phone",
            """Company Phone | Company Phone Number | Account Phone | Main Phone | Firmentelefon
        Zentrale | Standard téléphonique | Teléfono de la empresa | Телефон компании""",
            "phone",
        ),
        "company.industry": hint("Industry", _INDUSTRY),
        "company.employees": hint("Employees", _EMPLOYEES, "integer"),
        "company.revenue": hint("Annual revenue", _REVENUE, "money"),
        "company.currency": hint("Currency of the annual revenue", _CURRENCY),
        **_address(),
        "external_id": hint("External ID", f"Contact ID | Lead ID | {EXTERNAL_ID}"),
        "tags": hint("Tags", TAGS, "tags"),
        "description": hint("Description", f"{DESCRIPTION} | Contact Description"),
        "source": hint("Source", SOURCE),
        "created_at": hint("Created", _CREATED, "date"),
    }
)

PLAIN_FIELDS: Final[Mapping[str, FieldHint]] = MappingProxyType(
    {
        "name": hint("Name", "Name | Title | Bezeichnung | Nom | Nombre | Название"),
        "external_id": hint("External ID", EXTERNAL_ID),
    }
)

COMPANY_FIELDS: Final[Mapping[str, FieldHint]] = MappingProxyType(
    {
        "name": hint(
            "Company name",
            """Company Name | Account Name | Name | Company | Account | Organization | Organisation
        Firma | Firmenname | Unternehmen | Société | Entreprise | Nom | Nom de la société | Empresa
        Nombre | Compañía | Компания | Организация | Название | Название компании""",
        ),
        "legal_name": hint(
            "Legal name",
            """Legal Name | Registered Name | Trading As | Firmierung | Raison sociale | Razón social
        Юридическое название | Полное наименование""",
        ),
        "domain": hint("Domain", _DOMAIN, "domain", multiple=True),
        "website": hint("Website", _WEBSITE, "url"),
        "phone": hint("Phone", f"{_PHONE} | Company Phone | Account Phone", "phone", multiple=True),
        "email": hint("E-mail", f"{_EMAIL} | Company Email", "email", multiple=True),
        "industry": hint("Industry", _INDUSTRY),
        "employees": hint("Employees", _EMPLOYEES, "integer"),
        "revenue": hint("Annual revenue", _REVENUE, "money"),
        "currency": hint("Currency", f"Currency | {_CURRENCY} | Währung | Devise | Валюта"),
        **_address(),
        "external_id": hint("External ID", f"Company ID | Account ID | {EXTERNAL_ID}"),
        "parent": hint(
            "Parent company",
            """Parent Company | Parent Account | Parent Name | Parent | Parent Account Name
        Muttergesellschaft | Konzern | Société mère | Empresa matriz
        Головная компания""",
        ),
        "tax_id": hint(
            "Tax ID",
            """Tax ID | VAT Number | VAT ID | VAT | Tax Number | EIN | USt-IdNr. | USt-ID | Steuernummer
        Numéro de TVA | SIRET | SIREN | NIF | CIF | ИНН""",
        ),
        "lifecycle": hint("Lifecycle", f"{_LIFECYCLE} | Type | Account Type"),
        "owner_email": hint("Owner", _OWNER, "email"),
        "tags": hint("Tags", TAGS, "tags"),
        "description": hint("Description", f"{DESCRIPTION} | Account Description | About Us"),
        "source": hint("Source", f"{SOURCE} | Account Source"),
        "created_at": hint("Created", _CREATED, "date"),
    }
)
