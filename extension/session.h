/* SPDX-License-Identifier: PostgreSQL
 *
 * session.h: the role a session is judged by.
 */
#ifndef USDTPAY_SESSION_H
#define USDTPAY_SESSION_H

/* The role everything is judged by: that of the hook while one runs, else the outer one. */
extern Oid usdtpay_session_outer(void);

/* Lets a hook's role take the place of the session's until the caller's nest level of settings
 * ends, in parallel workers too. */
extern void usdtpay_session_assume(Oid roleid);

/* Defines the setting that carries the hook's role. */
extern void usdtpay_session_init(void);

/* The party that role acts for, -1 for none; call it with the rights of the extension's owner. */
extern int64 usdtpay_session_party_id(void);

#endif
