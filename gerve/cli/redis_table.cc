#include "gerve/cli/redis_table.h"

namespace gerve {

int tell_redis(Site& site, const std::function<Result<void>(RedisEditor&)>& change) {
    if (!site.config().redis) return 0;
    auto editor = RedisEditor::open(*site.config().redis);
    const auto changed = editor ? change(*editor) : Result<void>(pass_on(editor));
    if (changed) return 0;
    throw Stop{refused_status, "the table was changed, but Redis was not: " + describe(changed.error()) +
                                   "; run `gerve route sync` when Redis can be reached"};
}

}  // namespace gerve
