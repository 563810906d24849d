/* SPDX-License-Identifier: PostgreSQL
 *
 * fn_eip712.c: usdtpay.eip712_hash, the digest that a wallet signs for a typed-data document
 * {types, primaryType, domain, message}.
 *
 * The document decides what people believe they approve, so whatever is ambiguous is refused:
 * names that could be read two ways, unknown or abbreviated types, values that do not fit,
 * missing members.  Members of the message that its type does not name are ignored, as wallets
 * do; they are not part of what is signed.  Without types.EIP712Domain the domain's type follows
 * from the members present, in the standard's order, as ethers does it.
 *
 * Everything lives in the call's memory context; depth is bounded by check_stack_depth.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "codec/eip712.h"
#include "codec/hex.h"
#include "codec/keccak.h"
#include "compat.h"
#include "errors.h"
#include "fn_codec.h"

#define EIP712_DOMAIN      "EIP712Domain"
#define EIP712_MAX_STRUCTS 100
#define EIP712_MAX_FIELDS  1000

PG_FUNCTION_INFO_V1(usdtpay_fn_eip712_hash);

typedef struct Eip712Field
{
	char *name;
	char *type;
} Eip712Field;

typedef struct Eip712Struct
{
	char *name;
	int nfields;
	Eip712Field *fields;
	bool hashed;   /* type_hash is known */
	bool gathered; /* already in the list of the encoding under way */
	uint8_t type_hash[32];
} Eip712Struct;

typedef struct Eip712Types
{
	int nstructs;
	Eip712Struct *structs;
} Eip712Types;

static const Eip712Field eip712_domain_fields[] = {
	{"name", "string"},     {"version", "string"},
	{"chainId", "uint256"}, {"verifyingContract", "address"},
	{"salt", "bytes32"},
};

pg_noreturn static void eip712_refuse(const char *what, const char *detail, const char *name,
									  const char *hint);
static void eip712_value(uint8_t word[32], Eip712Types *types, const char *type, size_t typelen,
						 const char *name, const JsonbValue *value);

/* Raises UP000 about one named thing of the document. */
static void
eip712_refuse(const char *what, const char *detail, const char *name, const char *hint)
{
	ereport(ERROR, (errcode(ERRCODE_UP_BAD_INPUT), errmsg("%s", what), errdetail(detail, name),
					errhint("%s", hint)));
}

/* Reads one member of an object.  Returns: NULL when it is absent. */
static JsonbValue *
eip712_member(JsonbContainer *object, const char *key)
{
	return getKeyJsonValueFromContainer(object, key, strlen(key), NULL);
}

/* Reads a member that must be an object. */
static JsonbContainer *
eip712_object(JsonbContainer *object, const char *key)
{
	JsonbValue *value = eip712_member(object, key);

	if (value == NULL || value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		eip712_refuse("malformed typed data", "The member \"%s\" is missing or no object.", key,
					  "Give {types, primaryType, domain, message}.");
	return value->val.binary.data;
}

/* Reads a member that must be a string.  Returns: NUL-terminated palloc'd text. */
static char *
eip712_string(JsonbContainer *object, const char *key)
{
	JsonbValue *value = eip712_member(object, key);

	if (value == NULL || value->type != jbvString)
		eip712_refuse("malformed typed data", "The member \"%s\" is missing or no string.", key,
					  "Give {types, primaryType, domain, message}; each type is a list of "
					  "{name, type}.");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* Finds a struct by name.  Returns: NULL when there is none. */
static Eip712Struct *
eip712_find(Eip712Types *types, const char *name, size_t len)
{
	int i;

	for (i = 0; i < types->nstructs; i++)
		if (strncmp(types->structs[i].name, name, len) == 0 && types->structs[i].name[len] == '\0')
			return &types->structs[i];
	return NULL;
}

/* Reads the members of one struct's type: a list of {name, type}. */
static void
eip712_read_fields(Eip712Struct *s, JsonbContainer *list)
{
	int i;
	int k;

	s->nfields = JsonContainerSize(list);
	if (s->nfields > EIP712_MAX_FIELDS)
		eip712_refuse("typed data too large", "The type \"%s\" has more than 1000 members.",
					  s->name, "Split the type.");
	s->fields = palloc0(sizeof(Eip712Field) * Max(s->nfields, 1));
	for (i = 0; i < s->nfields; i++)
	{
		JsonbValue *entry = getIthJsonbValueFromContainer(list, i);

		if (entry->type != jbvBinary || !JsonContainerIsObject(entry->val.binary.data))
			eip712_refuse("malformed typed data", "A member of type \"%s\" is no object.", s->name,
						  "Each type is a list of {name, type}.");
		s->fields[i].name = eip712_string(entry->val.binary.data, "name");
		s->fields[i].type = eip712_string(entry->val.binary.data, "type");
		if (!usdtpay_eip712_name(s->fields[i].name, strlen(s->fields[i].name)))
			eip712_refuse("malformed typed data", "\"%s\" cannot be a member's name.",
						  s->fields[i].name, "Names have no blanks, brackets or commas.");
		for (k = 0; k < i; k++)
			if (strcmp(s->fields[k].name, s->fields[i].name) == 0)
				eip712_refuse("malformed typed data", "The member \"%s\" is declared twice.",
							  s->fields[i].name, "Rename one of them.");
	}
}

/* Reads every struct of the member "types". */
static void
eip712_read_types(Eip712Types *types, JsonbContainer *object)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue v;
	JsonbIteratorToken token;

	if (JsonContainerSize(object) > EIP712_MAX_STRUCTS)
		eip712_refuse("typed data too large", "The member \"%s\" declares more than 100 types.",
					  "types", "Leave out types that are not used.");
	types->nstructs = 0;
	/* One more, for the domain's type when it is inferred. */
	types->structs = palloc0(sizeof(Eip712Struct) * (JsonContainerSize(object) + 1));
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		Eip712Struct *s = &types->structs[types->nstructs];

		if (token == WJB_KEY)
		{
			s->name = pnstrdup(v.val.string.val, v.val.string.len);
			if (!usdtpay_eip712_name(s->name, strlen(s->name)) ||
				usdtpay_eip712_type(s->name, strlen(s->name)).kind != USDTPAY_EIP712_NONE)
				eip712_refuse("malformed typed data", "\"%s\" cannot be a type's name.", s->name,
							  "Names have no blanks, brackets or commas and are no basic type.");
		}
		else if (token == WJB_VALUE)
		{
			if (v.type != jbvBinary || !JsonContainerIsArray(v.val.binary.data) ||
				JsonContainerIsScalar(v.val.binary.data))
				eip712_refuse("malformed typed data", "The type \"%s\" is no list.", s->name,
							  "Each type is a list of {name, type}.");
			eip712_read_fields(s, v.val.binary.data);
			types->nstructs++;
		}
	}
}

/* Infers the domain's type from the members present; a member the standard does not know is
 * refused, for nobody would sign it. */
static void
eip712_infer_domain(Eip712Types *types, JsonbContainer *domain)
{
	Eip712Struct *s = &types->structs[types->nstructs++];
	size_t i;

	s->name = EIP712_DOMAIN;
	s->fields = palloc0(sizeof(eip712_domain_fields));
	for (i = 0; i < lengthof(eip712_domain_fields); i++)
		if (eip712_member(domain, eip712_domain_fields[i].name) != NULL)
			s->fields[s->nfields++] = eip712_domain_fields[i];
	if (s->nfields != (int) JsonContainerSize(domain))
		eip712_refuse("malformed typed data",
					  "The member \"%s\" has a member that EIP-712 does not know.", "domain",
					  "A domain has name, version, chainId, verifyingContract and salt, or its "
					  "own type " EIP712_DOMAIN ".");
}

/* Strips every array suffix.  Returns: the length of the base type; malformed suffixes are an
 * error. */
static size_t
eip712_base(const char *type)
{
	size_t len = strlen(type);
	int64_t count;
	bool bad;

	while (usdtpay_eip712_array(&len, &count, &bad, type, len))
		;
	if (bad)
		eip712_refuse("malformed typed data", "\"%s\" is no type.", type,
					  "Arrays are written as uint256[] or uint256[3].");
	return len;
}

/* Gathers a struct and all it refers to.  Out: list, *n. */
static void
eip712_gather(Eip712Types *types, Eip712Struct *s, Eip712Struct **list, int *n)
{
	int i;

	check_stack_depth();
	if (s->gathered)
		return;
	s->gathered = true;
	list[(*n)++] = s;
	for (i = 0; i < s->nfields; i++)
	{
		size_t len = eip712_base(s->fields[i].type);
		Eip712Struct *used = eip712_find(types, s->fields[i].type, len);

		if (used != NULL)
			eip712_gather(types, used, list, n);
		else if (usdtpay_eip712_type(s->fields[i].type, len).kind == USDTPAY_EIP712_NONE)
			eip712_refuse("malformed typed data", "The type \"%s\" is not known.",
						  s->fields[i].type,
						  "Declare it in types; integers name their bits, as in uint256.");
	}
}

/* Orders structs by name. */
static int
eip712_compare(const void *a, const void *b)
{
	return strcmp((*(Eip712Struct *const *) a)->name, (*(Eip712Struct *const *) b)->name);
}

/* Computes the type hash: keccak256 of the struct's encoding followed by those it refers to, in
 * alphabetical order. */
static void
eip712_type_hash(Eip712Types *types, Eip712Struct *s)
{
	Eip712Struct **list = palloc(sizeof(*list) * types->nstructs);
	StringInfoData buf;
	char *utf8;
	int n = 0;
	int i;
	int k;

	eip712_gather(types, s, list, &n);
	qsort(list + 1, n - 1, sizeof(*list), eip712_compare);
	initStringInfo(&buf);
	for (i = 0; i < n; i++)
	{
		appendStringInfo(&buf, "%s(", list[i]->name);
		for (k = 0; k < list[i]->nfields; k++)
			appendStringInfo(&buf, "%s%s %s", k > 0 ? "," : "", list[i]->fields[k].type,
							 list[i]->fields[k].name);
		appendStringInfoChar(&buf, ')');
		list[i]->gathered = false;
	}
	utf8 = pg_server_to_any(buf.data, buf.len, PG_UTF8);
	usdtpay_keccak256(s->type_hash, (const uint8_t *) utf8, strlen(utf8));
	s->hashed = true;
}

/* Computes hashStruct: keccak256(type hash || one word per member). */
static void
eip712_struct(uint8_t out[32], Eip712Types *types, Eip712Struct *s, JsonbContainer *object)
{
	uint8_t *words = palloc(32 * ((size_t) s->nfields + 1));
	int i;

	check_stack_depth();
	if (!s->hashed)
		eip712_type_hash(types, s);
	memcpy(words, s->type_hash, 32);
	for (i = 0; i < s->nfields; i++)
	{
		JsonbValue *value = eip712_member(object, s->fields[i].name);

		if (value == NULL)
			eip712_refuse("incomplete typed data", "The member \"%s\" has no value.",
						  s->fields[i].name, "Give every member that its type declares.");
		eip712_value(words + 32 * ((size_t) i + 1), types, s->fields[i].type,
					 strlen(s->fields[i].type), s->fields[i].name, value);
	}
	usdtpay_keccak256(out, words, 32 * ((size_t) s->nfields + 1));
	pfree(words);
}

/* Computes the hash of a list: keccak256 of its elements' words. */
static void
eip712_list(uint8_t out[32], Eip712Types *types, const char *type, size_t baselen, int64 count,
			const char *name, JsonbContainer *list)
{
	int n = JsonContainerSize(list);
	uint8_t *words;
	int i;

	if (count >= 0 && count != n)
		eip712_refuse("value does not fit its type",
					  "The list \"%s\" has another number of elements than its type.", name,
					  "Give as many elements as the type says.");
	words = palloc_extended(32 * Max((size_t) n, 1), MCXT_ALLOC_HUGE);
	for (i = 0; i < n; i++)
		eip712_value(words + 32 * (size_t) i, types, type, baselen, name,
					 getIthJsonbValueFromContainer(list, i));
	usdtpay_keccak256(out, words, 32 * (size_t) n);
	pfree(words);
}

/* Computes the hash of a string (its UTF-8) or of 0x and bytes.  Returns: false for bad hex. */
static bool
eip712_dynamic(uint8_t out[32], UsdtpayEip712Kind kind, const char *in, size_t inlen)
{
	uint8_t *bytes;

	if (kind == USDTPAY_EIP712_STRING)
	{
		char *copy = pnstrdup(in, inlen);
		char *utf8 = pg_server_to_any(copy, inlen, PG_UTF8);

		usdtpay_keccak256(out, (const uint8_t *) utf8, strlen(utf8));
		return true;
	}
	bytes = palloc(inlen / 2 + 1);
	if (inlen < 2 || inlen % 2 != 0 || in[0] != '0' || in[1] != 'x' ||
		!usdtpay_hex_decode(bytes, inlen / 2 - 1, in + 2, inlen - 2))
		return false;
	usdtpay_keccak256(out, bytes, inlen / 2 - 1);
	pfree(bytes);
	return true;
}

/* Encodes a text or number of an atomic type.  Returns: false when it does not fit. */
static bool
eip712_text(uint8_t word[32], UsdtpayEip712Type atom, bool number, const char *in, size_t inlen)
{
	switch (atom.kind)
	{
		case USDTPAY_EIP712_UINT:
		case USDTPAY_EIP712_INT:
			return usdtpay_eip712_integer(word, atom, in, inlen);
		case USDTPAY_EIP712_FIXED_BYTES:
			return !number && usdtpay_eip712_fixed_bytes(word, atom, in, inlen);
		case USDTPAY_EIP712_ADDRESS:
			memset(word, 0, 12);
			return !number && usdtpay_address_parse(word + 12, USDTPAY_FAMILY_EVM, in, inlen) ==
								  USDTPAY_ADDRESS_OK;
		case USDTPAY_EIP712_BYTES:
		case USDTPAY_EIP712_STRING:
			return !number && eip712_dynamic(word, atom.kind, in, inlen);
		default:
			return false;
	}
}

/* Encodes a value of an atomic type.  Returns: false when it does not fit. */
static bool
eip712_atom(uint8_t word[32], UsdtpayEip712Type atom, const JsonbValue *value)
{
	char *digits;

	switch (value->type)
	{
		case jbvBool:
			memset(word, 0, 32);
			word[31] = value->val.boolean;
			return atom.kind == USDTPAY_EIP712_BOOL;
		case jbvNumeric:
			digits = DatumGetCString(
				DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
			return eip712_text(word, atom, true, digits, strlen(digits));
		case jbvString:
			return eip712_text(word, atom, false, value->val.string.val, value->val.string.len);
		default:
			return false;
	}
}

/* Encodes any value as one word, following its type. */
static void
eip712_value(uint8_t word[32], Eip712Types *types, const char *type, size_t typelen,
			 const char *name, const JsonbValue *value)
{
	JsonbContainer *data = value->type == jbvBinary ? value->val.binary.data : NULL;
	Eip712Struct *s;
	size_t baselen;
	int64 count;
	bool bad;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (usdtpay_eip712_array(&baselen, &count, &bad, type, typelen))
	{
		if (data != NULL && JsonContainerIsArray(data))
		{
			eip712_list(word, types, type, baselen, count, name, data);
			return;
		}
	}
	else if ((s = eip712_find(types, type, typelen)) != NULL)
	{
		if (data != NULL && JsonContainerIsObject(data))
		{
			eip712_struct(word, types, s, data);
			return;
		}
	}
	else if (eip712_atom(word, usdtpay_eip712_type(type, typelen), value))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UP_BAD_INPUT), errmsg("value does not fit its type"),
			 errdetail("The member \"%s\" is no %s.", name, pnstrdup(type, typelen)),
			 errhint("Numbers beyond 2^53 are strings of digits, bytes are 0x and hexadecimal "
					 "digits, addresses carry a right checksum or none.")));
}

/* usdtpay.eip712_hash(typed_data jsonb) returns bytea */
Datum
usdtpay_fn_eip712_hash(PG_FUNCTION_ARGS)
{
	JsonbContainer *root = &PG_GETARG_JSONB_P(0)->root;
	JsonbContainer *domain;
	Eip712Types types;
	Eip712Struct *primary;
	char *name;
	uint8_t domain_hash[32];
	uint8_t message_hash[32];
	uint8_t digest[32];

	if (!JsonContainerIsObject(root))
		eip712_refuse("malformed typed data", "The %s is no object.", "document",
					  "Give {types, primaryType, domain, message}.");
	eip712_read_types(&types, eip712_object(root, "types"));
	domain = eip712_object(root, "domain");
	if (eip712_find(&types, EIP712_DOMAIN, strlen(EIP712_DOMAIN)) == NULL)
		eip712_infer_domain(&types, domain);
	name = eip712_string(root, "primaryType");
	primary = eip712_find(&types, name, strlen(name));
	if (primary == NULL)
		eip712_refuse("malformed typed data", "The primary type \"%s\" is not declared.", name,
					  "Declare it in types.");
	eip712_struct(domain_hash, &types, eip712_find(&types, EIP712_DOMAIN, strlen(EIP712_DOMAIN)),
				  domain);
	if (strcmp(name, EIP712_DOMAIN) == 0)
		usdtpay_eip712_digest(digest, domain_hash, NULL);
	else
	{
		eip712_struct(message_hash, &types, primary, eip712_object(root, "message"));
		usdtpay_eip712_digest(digest, domain_hash, message_hash);
	}
	PG_RETURN_BYTEA_P(usdtpay_bytea_new(digest, sizeof(digest)));
}
