// The header is C++ too, and its names link.
#include <uptls.h>

int main() {
  uptls_runtime *runtime = nullptr;
  uptls_error *error = nullptr;
  const uptls_status status = uptls_runtime_new(&runtime, &error);
  uptls_runtime_free(runtime);
  uptls_error_free(error);
  return status == UPTLS_OK && uptls_version_number() == UPTLS_VERSION_NUMBER ? 0 : 1;
}
