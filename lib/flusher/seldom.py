"""Name the functions of the hook path that a usual call does not need.

The image of the hook path keeps them apart, and a hook loads those of a module when one of them is
called first: what is loaded takes most of a hook's time.
"""

# By module. What another call than a Write or an Edit needs has a part of the image to itself.
SELDOM = {
    "lib.system.calls": "are_replaced",
    "lib.system.json_codec": "_reject_constant _refuse",
    "lib.system.files": "make_private_directory make_private make_all_private _exists _restricted "
    "replace read_all",
    "lib.system.bundle": "root",
    "lib.system.origins": "without is_down_above turned_down_in _contents forget_project _identity "
    "_read _named_in _variables",
    "lib.spool.destination": "counters",
    "lib.spool.tally": "mark_in add_elsewhere elsewhere is_own parse",
    "lib.spool.wake": "forget_mark is_held_off hold_off say_running _passed flush_command "
    "interpreter _leave_mark _spawn _fork",
    "lib.capture.languages": "is_known",
    "lib.capture.yaml_scalars": "yaml_scalars _block_end _open_quote",
    "lib.capture.patterns": "is_in_pattern _end template_end",
    "lib.capture.comments": "_names_coding _directs _preamble",
    "lib.capture.identity": "is_valid_id _id_after_marker _leading_id _bound_function "
    "_bare_function",
    "lib.capture.event": "forget_content",
    "lib.capture.secret_names": "_without_environment",
    "lib.capture.named_file": "read _followed",
    "lib.capture.payload": "_notebook",
    "lib.capture.like_lines": "places_of numbers alike _follow _next",
    "lib.capture.hook": "_count_elsewhere",
}
