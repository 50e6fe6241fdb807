/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/receive_impl.h"

oa_status oa_receive_inflater(oa_receive_thread *thread, oa_inflater **out) {
  if (thread->inflater == NULL) {
    OA_TRY(oa_inflater_new(&thread->inflater));
  }
  *out = thread->inflater;
  return OA_OK;
}
