/**
 * The command line. Everything it does is a call of the public API below it; it turns words into values, errors into one
 * line and an exit status, and ties the guest to the terminal.
 *
 * <p>Start reading at {@link redoubt.cli.Main}.
 */
@NullMarked
package redoubt.cli;

import org.jspecify.annotations.NullMarked;
