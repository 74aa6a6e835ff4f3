/** TwitterAPI: posts, comments and whom the user follows. */
import { isIn, iterate, subscript } from "../../calls/py_eval.ts";
import { pyInt } from "../../calls/py_builtins.ts";
import {
  contains,
  PyDict,
  pyEqual,
  PyError,
  pyStr,
  type PyValue,
  truthy,
  typeName,
} from "../../calls/py_value.ts";
import { Api, failure, type LongContext, type Method, method } from "./api.ts";
import { pyLower } from "./python_text.ts";

/** The simulated API. */
export class TwitterApi extends Api {
  readonly methods: Readonly<Record<string, Method>>;

  constructor(config: PyDict, longContext?: LongContext) {
    super("TwitterAPI", longContext);
    this.load(config);
    const numbered = this.dict("tweets").entries().map(([id, tweet]) =>
      [pyInt(id), tweet] as const
    );
    this.set("tweets", new PyDict(numbered));
    this.methods = {
      authenticate_twitter: method("username, password", (name, word) => this.#login(name, word)),
      posting_get_login_status: method("", () => PyDict.of({ login_status: this.#loggedIn })),
      post_tweet: method(
        "content, tags=[], mentions=[]",
        (content, tags, mentions) => this.#post(content, tags, mentions),
      ),
      retweet: method("tweet_id", (id) => this.#retweet(id)),
      comment: method("tweet_id, comment_content", (id, text) => this.#comment(id, text)),
      mention: method("tweet_id, mentioned_usernames", (id, names) => this.#mention(id, names)),
      follow_user: method("username_to_follow", (name) => this.#follow(name)),
      list_all_following: method(
        "",
        () => this.#loggedIn ? this.get("following_list") : unauthenticated("listing following"),
      ),
      unfollow_user: method("username_to_unfollow", (name) => this.#unfollow(name)),
      get_tweet: method("tweet_id", (id) => this.#tweet(id) ?? notFound(id)),
      get_user_tweets: method("username", (name) => this.#tweetsOf(name)),
      search_tweets: method("keyword", (keyword) => this.#search(keyword)),
      get_tweet_comments: method(
        "tweet_id",
        (id) => this.#tweet(id) ? this.dict("comments").get(id) ?? [] : notFound(id),
      ),
      get_user_stats: method("username", (name) => this.#stats(name)),
    };
  }

  get #loggedIn(): boolean {
    return truthy(this.get("authenticated"));
  }

  #tweet(id: PyValue): PyDict | undefined {
    return this.dict("tweets").get(id) as PyDict | undefined;
  }

  #login(name: PyValue, word: PyValue): PyDict {
    const right = pyEqual(name, this.get("username")) && pyEqual(word, this.get("password"));
    if (right) this.set("authenticated", true);
    return PyDict.of({ authentication_status: right });
  }

  #post(content: PyValue, tags: PyValue, mentions: PyValue): PyDict {
    if (!this.#loggedIn) return unauthenticated("posting");
    const id = this.get("tweet_counter") as bigint;
    const tweet = PyDict.of({ id, username: this.get("username"), content, tags, mentions });
    this.dict("tweets").set(id, tweet);
    this.set("tweet_counter", id + 1n);
    return tweet;
  }

  #retweet(id: PyValue): PyDict {
    if (!this.#loggedIn) return unauthenticated("retweeting");
    if (!this.#tweet(id)) return notFound(id);
    const retweets = this.dict("retweets");
    const user = this.get("username");
    if (!retweets.has(user)) retweets.set(user, []);
    const own = retweets.get(user) as PyValue[];
    if (contains(own, id)) return PyDict.of({ retweet_status: "Already retweeted" });
    own.push(id);
    return PyDict.of({ retweet_status: "Successfully retweeted" });
  }

  #comment(id: PyValue, content: PyValue): PyDict {
    // The official source raises a dict here, which Python refuses.
    if (!this.#loggedIn) {
      throw new PyError("TypeError", "exceptions must derive from BaseException");
    }
    if (!this.#tweet(id)) return notFound(id);
    const comments = this.dict("comments");
    if (!comments.has(id)) comments.set(id, []);
    (comments.get(id) as PyValue[]).push(PyDict.of({ username: this.get("username"), content }));
    return PyDict.of({ comment_status: "Comment added successfully" });
  }

  #mention(id: PyValue, names: PyValue): PyDict {
    const tweet = this.#tweet(id);
    if (!tweet) return notFound(id);
    extended(subscript(tweet, "mentions"), iterate(names));
    return PyDict.of({ mention_status: "Users mentioned successfully" });
  }

  #follow(name: PyValue): PyDict {
    if (!this.#loggedIn) return unauthenticated("following");
    const following = this.list("following_list");
    const fresh = !contains(following, name);
    if (fresh) following.push(name);
    return PyDict.of({ follow_status: fresh });
  }

  #unfollow(name: PyValue): PyDict {
    if (!this.#loggedIn) return unauthenticated("unfollowing");
    const following = this.list("following_list");
    const at = following.findIndex((each) => pyEqual(each, name));
    if (at >= 0) following.splice(at, 1);
    return PyDict.of({ unfollow_status: at >= 0 });
  }

  #tweetsOf(name: PyValue): PyValue[] {
    return this.dict("tweets").values()
      .filter((tweet) => pyEqual(subscript(tweet, "username"), name));
  }

  #search(keyword: PyValue): PyValue[] {
    const wanted = pyLower(keyword);
    return this.dict("tweets").values().filter((tweet) =>
      isIn(wanted, pyLower(subscript(tweet, "content"))) ||
      isIn(wanted, iterate(subscript(tweet, "tags")).map(pyLower))
    );
  }

  #stats(name: PyValue): PyDict {
    const own = pyEqual(name, this.get("username"));
    const retweets = this.dict("retweets").get(name) ?? [];
    return PyDict.of({
      tweet_count: BigInt(this.#tweetsOf(name).length),
      following_count: BigInt(own ? this.list("following_list").length : 0),
      retweet_count: BigInt(iterate(retweets).length),
    });
  }
}

function notFound(id: PyValue): PyDict {
  return failure(`Tweet with ID ${pyStr(id)} not found.`);
}

function unauthenticated(doing: string): PyDict {
  return failure(`User not authenticated. Please authenticate before ${doing}.`);
}

/** `list.extend(more)`. */
function extended(list: PyValue, more: readonly PyValue[]): void {
  if (!Array.isArray(list)) {
    throw new PyError("AttributeError", `'${typeName(list)}' object has no attribute 'extend'`);
  }
  list.push(...more);
}
