/* Stands in for the unwinder of a program that has no tables to unwind by: there is no frame to be seen. */

int _Unwind_Backtrace(void *trace, void *state)
{
    (void)trace;
    (void)state;
    return 5; /* _URC_END_OF_STACK */
}

#ifdef __arm__
int _Unwind_VRS_Get(void *context, int class, unsigned number, int representation, void *value)
{
    (void)context;
    (void)class;
    (void)number;
    (void)representation;
    (void)value;
    return 1; /* _UVRSR_NOT_IMPLEMENTED */
}

/* Tables name what reads them, and are not linked. */
void __aeabi_unwind_cpp_pr0(void)
{
}

void __aeabi_unwind_cpp_pr1(void)
{
}
#else
unsigned long _Unwind_GetIP(void *context)
{
    (void)context;
    return 0;
}
#endif
