/* The portable dispatcher's own strerror instead of musl's: in the words that people know from most
   systems, which are glibc's.  What no system call returns nowadays is left out.  */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ERRORS                                                                                     \
  ERROR (EPERM, "Operation not permitted")                                                         \
  ERROR (ENOENT, "No such file or directory")                                                      \
  ERROR (ESRCH, "No such process")                                                                 \
  ERROR (EINTR, "Interrupted system call")                                                         \
  ERROR (EIO, "Input/output error")                                                                \
  ERROR (ENXIO, "No such device or address")                                                       \
  ERROR (E2BIG, "Argument list too long")                                                          \
  ERROR (ENOEXEC, "Exec format error")                                                             \
  ERROR (EBADF, "Bad file descriptor")                                                             \
  ERROR (ECHILD, "No child processes")                                                             \
  ERROR (EAGAIN, "Resource temporarily unavailable")                                               \
  ERROR (ENOMEM, "Cannot allocate memory")                                                         \
  ERROR (EACCES, "Permission denied")                                                              \
  ERROR (EFAULT, "Bad address")                                                                    \
  ERROR (ENOTBLK, "Block device required")                                                         \
  ERROR (EBUSY, "Device or resource busy")                                                         \
  ERROR (EEXIST, "File exists")                                                                    \
  ERROR (EXDEV, "Invalid cross-device link")                                                       \
  ERROR (ENODEV, "No such device")                                                                 \
  ERROR (ENOTDIR, "Not a directory")                                                               \
  ERROR (EISDIR, "Is a directory")                                                                 \
  ERROR (EINVAL, "Invalid argument")                                                               \
  ERROR (ENFILE, "Too many open files in system")                                                  \
  ERROR (EMFILE, "Too many open files")                                                            \
  ERROR (ENOTTY, "Inappropriate ioctl for device")                                                 \
  ERROR (ETXTBSY, "Text file busy")                                                                \
  ERROR (EFBIG, "File too large")                                                                  \
  ERROR (ENOSPC, "No space left on device")                                                        \
  ERROR (ESPIPE, "Illegal seek")                                                                   \
  ERROR (EROFS, "Read-only file system")                                                           \
  ERROR (EMLINK, "Too many links")                                                                 \
  ERROR (EPIPE, "Broken pipe")                                                                     \
  ERROR (EDOM, "Numerical argument out of domain")                                                 \
  ERROR (ERANGE, "Numerical result out of range")                                                  \
  ERROR (EDEADLK, "Resource deadlock avoided")                                                     \
  ERROR (ENAMETOOLONG, "File name too long")                                                       \
  ERROR (ENOLCK, "No locks available")                                                             \
  ERROR (ENOSYS, "Function not implemented")                                                       \
  ERROR (ENOTEMPTY, "Directory not empty")                                                         \
  ERROR (ELOOP, "Too many levels of symbolic links")                                               \
  ERROR (ENOMSG, "No message of desired type")                                                     \
  ERROR (EIDRM, "Identifier removed")                                                              \
  ERROR (ENODATA, "No data available")                                                             \
  ERROR (ETIME, "Timer expired")                                                                   \
  ERROR (EREMOTE, "Object is remote")                                                              \
  ERROR (EPROTO, "Protocol error")                                                                 \
  ERROR (EBADMSG, "Bad message")                                                                   \
  ERROR (EOVERFLOW, "Value too large for defined data type")                                       \
  ERROR (EBADFD, "File descriptor in bad state")                                                   \
  ERROR (EILSEQ, "Invalid or incomplete multibyte or wide character")                              \
  ERROR (EUSERS, "Too many users")                                                                 \
  ERROR (ENOTSOCK, "Socket operation on non-socket")                                               \
  ERROR (EDESTADDRREQ, "Destination address required")                                             \
  ERROR (EMSGSIZE, "Message too long")                                                             \
  ERROR (EPROTOTYPE, "Protocol wrong type for socket")                                             \
  ERROR (ENOPROTOOPT, "Protocol not available")                                                    \
  ERROR (EPROTONOSUPPORT, "Protocol not supported")                                                \
  ERROR (ESOCKTNOSUPPORT, "Socket type not supported")                                             \
  ERROR (EPFNOSUPPORT, "Protocol family not supported")                                            \
  ERROR (EAFNOSUPPORT, "Address family not supported by protocol")                                 \
  ERROR (EADDRINUSE, "Address already in use")                                                     \
  ERROR (EADDRNOTAVAIL, "Cannot assign requested address")                                         \
  ERROR (ENETDOWN, "Network is down")                                                              \
  ERROR (ENETUNREACH, "Network is unreachable")                                                    \
  ERROR (ENETRESET, "Network dropped connection on reset")                                         \
  ERROR (ECONNABORTED, "Software caused connection abort")                                         \
  ERROR (ECONNRESET, "Connection reset by peer")                                                   \
  ERROR (ENOBUFS, "No buffer space available")                                                     \
  ERROR (EISCONN, "Transport endpoint is already connected")                                       \
  ERROR (ENOTCONN, "Transport endpoint is not connected")                                          \
  ERROR (ESHUTDOWN, "Cannot send after transport endpoint shutdown")                               \
  ERROR (ETIMEDOUT, "Connection timed out")                                                        \
  ERROR (ECONNREFUSED, "Connection refused")                                                       \
  ERROR (EHOSTDOWN, "Host is down")                                                                \
  ERROR (EHOSTUNREACH, "No route to host")                                                         \
  ERROR (EALREADY, "Operation already in progress")                                                \
  ERROR (EINPROGRESS, "Operation now in progress")                                                 \
  ERROR (ESTALE, "Stale file handle")                                                              \
  ERROR (EUCLEAN, "Structure needs cleaning")                                                      \
  ERROR (EREMOTEIO, "Remote I/O error")                                                            \
  ERROR (EDQUOT, "Disk quota exceeded")                                                            \
  ERROR (ENOMEDIUM, "No medium found")                                                             \
  ERROR (EMEDIUMTYPE, "Wrong medium type")                                                         \
  ERROR (ECANCELED, "Operation canceled")                                                          \
  ERROR (EOWNERDEAD, "Owner died")                                                                 \
  ERROR (ENOTRECOVERABLE, "State not recoverable")                                                 \
  ERROR (EOPNOTSUPP, "Operation not supported")

#define ERROR(number, words) char text_of_##number[sizeof words];
static const struct texts
{
  ERRORS
} texts = {
#undef ERROR
#define ERROR(number, words) words,
  ERRORS
};
#undef ERROR

/* By number: where the text is, and one more.  */
static const unsigned short places[] = {
#define ERROR(number, words) [number] = offsetof (struct texts, text_of_##number) + 1,
  ERRORS
};

char *
strerror (int number)
{
  static char unknown[32];
  size_t count = sizeof places / sizeof places[0];
  if (number >= 0 && (size_t) number < count && places[number] != 0)
    return (char *) &texts + places[number] - 1;
  snprintf (unknown, sizeof unknown, number == 0 ? "Success" : "Unknown error %d", number);
  return unknown;
}
