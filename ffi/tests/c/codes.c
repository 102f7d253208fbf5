/* Prints the table of codes, a line for each: number, name, status, meaning, remedy between tabs. */
#include "check.h"

int main(void) {
  size_t index;
  for (index = 0; index < uptls_code_count(); index++) {
    uint16_t number = uptls_code_at(index);
    printf("%u\t%s\t%d\t%s\t%s\n", (unsigned)number, uptls_code_name(number), (int)uptls_code_status(number),
           uptls_code_meaning(number), uptls_code_remedy(number));
  }
  CHECK(uptls_code_at(index) == 0);
  CHECK(uptls_code_at(SIZE_MAX) == 0);
  CHECK(uptls_code_name(0) == NULL);
  CHECK(uptls_code_meaning(0) == NULL);
  CHECK(uptls_code_remedy(UINT16_MAX) == NULL);
  CHECK(uptls_code_status(0) == UPTLS_E_USAGE);
  CHECK_TEXT(uptls_code_name(UPTLS_CODE_NAME_MISMATCH), "name_mismatch");
  CHECK_TEXT(uptls_code_name(UPTLS_CODE_MISUSE), "misuse");
  return 0;
}
