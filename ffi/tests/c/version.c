/* The library is the one that the header describes. */
#include "check.h"

int main(void) {
  CHECK(uptls_version_number() == UPTLS_VERSION_NUMBER);
  CHECK(uptls_abi_version() == UPTLS_ABI_VERSION && UPTLS_ABI_VERSION == 1);
  CHECK_TEXT(uptls_status_string(UPTLS_CLOSED), "the peer ended its data");
  CHECK_TEXT(uptls_version_string(), UPTLS_VERSION_STRING);
  CHECK_TEXT(uptls_status_string(UPTLS_OK), "ok");
  CHECK_TEXT(uptls_status_string(UPTLS_E_NAME), "the certificate is for another name");
  CHECK_TEXT(uptls_status_string(-12345), "unknown status");
  CHECK_TEXT(uptls_status_string(INT32_MIN), "unknown status");
  return 0;
}
