/* Stands in for the unwinder of a program that has no tables to unwind by: there is no frame to be seen. */

int _Unwind_Backtrace(void *trace, void *state)
{
    (void)trace;
    (void)state;
    return 5; /* _URC_END_OF_STACK */
}

unsigned long _Unwind_GetIP(void *context)
{
    (void)context;
    return 0;
}
